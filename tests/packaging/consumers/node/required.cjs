const { init } = require('lamplight')
const { load } = require('lamplight/slim')
const { init: initInWorker } = require('lamplight/worker')
const { callEverything } = require('./calls.cjs')

load()
  .then((slim) => callEverything(init).then(() => callEverything(slim)))
  .then(() => callEverything(initInWorker))
  .then(() => console.log('every call returned'))
