import { SignUp } from './sign_up'

/** Rendered once, when the app is built. */
export default function Home() {
  return (
    <main>
      <h1>Lamplight with Next</h1>
      <SignUp plan="pro" />
    </main>
  )
}
