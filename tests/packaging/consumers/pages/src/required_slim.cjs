const { load } = require('lamplight/slim')
const { visit } = require('./visit.js')

load('/lamplight.wasm').then((init) => visit(init, 'required_slim'))
