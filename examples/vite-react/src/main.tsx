import { auto } from 'lamplight/auto'
import { LamplightProvider } from 'lamplight/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { App } from './app'
import { lamplight } from './lamplight'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <LamplightProvider client={lamplight} watch={auto}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </LamplightProvider>
  </StrictMode>,
)
