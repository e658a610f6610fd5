import { init } from 'lamplight'
import { visit } from './visit.js'

visit(init, 'inline')
