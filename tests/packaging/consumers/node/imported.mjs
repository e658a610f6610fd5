import { init } from 'lamplight'
import { load } from 'lamplight/slim'
import { init as initInWorker } from 'lamplight/worker'
import { callEverything } from './calls.cjs'

await callEverything(init)
await callEverything(await load())
await callEverything(initInWorker)
console.log('every call returned')
