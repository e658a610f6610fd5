import { load } from 'lamplight/slim'
import { visit } from './visit.js'

load().then((init) => visit(init, 'slim'))
