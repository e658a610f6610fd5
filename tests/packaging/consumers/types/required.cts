// Compiled, never run: the same package, loaded with `require`.
import lamplight = require('lamplight')
import slim = require('lamplight/slim')

const client: lamplight.Lamplight = lamplight.init({ url: 'https://t.example.com', key: 'wk_x' })
const report: Promise<lamplight.Report> = client.flush()
export = { client, report, load: slim.load }
