/**
 * Lamplight in Vue.
 *
 * <!-- stores: signed_up; click: button -->
 * ```ts
 * import { createApp, h } from 'vue'
 * import { init } from 'lamplight'
 * import { createLamplight, useLamplight } from 'lamplight/vue'
 *
 * const SignUp = {
 *   setup() {
 *     const lamplight = useLamplight()
 *     return () => h('button', { onClick: () => lamplight.track('signed_up', { plan: 'pro' }) }, 'Sign up')
 *   },
 * }
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * createApp(SignUp).use(createLamplight(lamplight)).mount(document.body)
 * ```
 *
 * @module lamplight/vue
 */
import { hasInjectionContext, type InjectionKey, inject, type Plugin } from 'vue'
import type { AnyLamplight, Lamplight, Properties } from './types.ts'

const KEY: InjectionKey<AnyLamplight> = Symbol('lamplight')

/**
 * A plugin that provides a client to the app, in templates as `$lamplight`. During server rendering
 * the client does nothing.
 */
export function createLamplight(client: AnyLamplight): Plugin {
  return {
    install(app) {
      app.provide(KEY, client)
      app.config.globalProperties['$lamplight'] = client
    },
  }
}

/** The app's client. Throws if there is none. */
export function useLamplight<Events extends object = Record<string, Properties>>(): Lamplight<Events> {
  const client = hasInjectionContext() ? inject(KEY, undefined) : undefined
  if (!client) throw new Error('useLamplight: call it in setup() of an app that uses createLamplight(client)')
  return client
}
