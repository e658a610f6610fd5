const { init } = require('lamplight')
const { visit } = require('./visit.js')

visit(init, 'required')
