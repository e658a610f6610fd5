import { useLamplight, useTrack } from 'lamplight/react'
import { useEffect, useState } from 'react'
import { Link, Route, Routes } from 'react-router'
import type { Events } from './lamplight'

export function App() {
  return (
    <>
      <nav>
        <Link to="/">Home</Link> <Link to="/checkout">Checkout</Link>
      </nav>
      <Routes>
        <Route index element={<Home />} />
        <Route path="/checkout" element={<Checkout />} />
      </Routes>
      <Sent />
    </>
  )
}

function Home() {
  const track = useTrack<Events>()
  return (
    <main>
      <h1>Lamplight with Vite and React</h1>
      <button type="button" onClick={() => track('signed_up', { plan: 'pro' })}>
        Sign up
      </button>
    </main>
  )
}

function Checkout() {
  const lamplight = useLamplight()
  const [done, setDone] = useState(false)
  const checkOut = async () => {
    const stop = lamplight.timer('checkout.latency', { tags: { app: 'vite-react' } })
    await new Promise((resolve) => setTimeout(resolve, 120))
    stop()
    setDone(true)
  }
  return (
    <main>
      <h1>Checkout</h1>
      {done ? (
        <p>Thank you.</p>
      ) : (
        <button type="button" onClick={checkOut}>
          Check out
        </button>
      )}
      <button type="button" data-track="help_asked" data-track-topic="payment">
        Help
      </button>
    </main>
  )
}

/** The number of events of this page that the server has on disk. */
function Sent() {
  const lamplight = useLamplight()
  const [sent, setSent] = useState(0)
  useEffect(() => lamplight.on('delivered', () => setSent(lamplight.stats().sent)), [lamplight])
  return (
    <p>
      Sent: <output>{sent}</output>
    </p>
  )
}
