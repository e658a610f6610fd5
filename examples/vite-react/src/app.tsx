import { useEffect, useState } from 'react'
import { Link, Route, Routes, useLocation } from 'react-router'
import { countView, lamplight } from './lamplight'

export function App() {
  const { pathname } = useLocation()
  useEffect(() => countView(pathname), [pathname])
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
  return (
    <main>
      <h1>Lamplight with Vite and React</h1>
      <button onClick={() => lamplight.track('signed_up', { plan: 'pro' })}>Sign up</button>
    </main>
  )
}

function Checkout() {
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
      <button onClick={checkOut}>Check out</button>
      {done && <p>Thank you.</p>}
    </main>
  )
}

/** How many events of this page the server has on disk. */
function Sent() {
  const [sent, setSent] = useState(0)
  useEffect(() => lamplight.on('delivered', () => setSent(lamplight.stats().sent)), [])
  return <p>Sent: <output>{sent}</output></p>
}
