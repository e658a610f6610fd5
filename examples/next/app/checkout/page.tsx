import { connection } from 'next/server'
import { CheckOut } from '../check_out'

/** Rendered by the server for each request. Its button is tracked without code. */
export default async function Checkout() {
  await connection()
  return (
    <main>
      <h1>Checkout</h1>
      <p>
        Rendered at <time>{new Date().toISOString()}</time>
      </p>
      <CheckOut />
      <button type="button" data-track="help_asked" data-track-topic="payment">
        Help
      </button>
    </main>
  )
}
