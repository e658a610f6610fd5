const { init } = require('lamplight')
const { load } = require('lamplight/slim')
const { callEverything } = require('./calls.cjs')

load()
  .then((slim) => callEverything(init).then(() => callEverything(slim)))
  .then(() => console.log('every call returned'))
