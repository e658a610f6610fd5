import { messageOf } from './json.ts'
import { lost } from './lost.ts'

/**
 * Binds the methods of `client`, because pages call them without their object, or on a proxy of it,
 * which has no private fields. What the page's values throw, such as a getter, is the page's error:
 * it goes to `report`.
 */
export function bindMethods(client: object, methods: object, report: (message: string) => void): void {
  const bound = client as Record<string, (...given: unknown[]) => unknown>
  for (const name of Object.getOwnPropertyNames(methods).slice(1)) {
    const method = bound[name] as (...given: unknown[]) => unknown
    bound[name] = (...given) => {
      try {
        return method.apply(client, given)
      } catch (error) {
        report(`${name}: ${messageOf(error)}`)
        return lost('invalid')
      }
    }
  }
}
