import { init } from 'lamplight'
import { load } from 'lamplight/slim'
import { callEverything } from './calls.cjs'

await callEverything(init)
await callEverything(await load())
console.log('every call returned')
