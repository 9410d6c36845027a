// Firefox with a push service of its own: one end speaks RFC 8030 to the server under test, the
// other the protocol by which Firefox is told. It says where it is, is told `{ url, key }`, says
// what it has subscribed, and then whatever the browser shows.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// From where this is run, not from where it lies.
const require = createRequire(`${process.cwd()}/`)
const puppeteer = require('puppeteer-core')
const { WebSocketServer } = require('ws')
const [executablePath, cert, key] = process.argv.slice(2)

const say = it => process.stdout.write(`${JSON.stringify(it)}\n`)
const local = server => new Promise(done => server.listen(0, '127.0.0.1', done))

let tell
const service = createServer({ cert: readFileSync(cert), key: readFileSync(key) })
service.on('request', async (request, response) => {
  const body = Buffer.concat(await request.toArray())
  const [, channelID] = request.url.split('/')
  const headers = { encoding: request.headers['content-encoding'] }
  const data = body.toString('base64url')
  tell({ messageType: 'notification', channelID, version: randomUUID(), headers, data })
  response.writeHead(201).end()
})
await local(service)
const { port } = service.address()

const plain = createPlain()
const sockets = new WebSocketServer({ server: plain })
await local(plain)
sockets.on('connection', socket => {
  tell = message => socket.send(JSON.stringify(message))
  socket.on('message', text => {
    const { messageType, channelID } = JSON.parse(text)
    if (messageType === 'hello') tell({ messageType, status: 200, uaid: 'a', use_webpush: true })
    if (messageType === 'register') {
      const pushEndpoint = `https://127.0.0.1:${port}/${channelID}`
      tell({ messageType, status: 200, channelID, pushEndpoint })
    }
  })
})

const running = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  headless: true,
  extraPrefsFirefox: {
    // They turn push off.
    'remote.prefs.recommended': false,
    'dom.push.serverURL': `ws://127.0.0.1:${plain.address().port}/`,
    'dom.push.testing.allowInsecureServerURL': true,
    'permissions.default.desktop-notification': 1,
    // No desktop runs that would show them.
    'alerts.useSystemBackend': false,
  },
})
// It ends with whoever started it.
const lines = createInterface(process.stdin)
lines.once('close', () => running.close().finally(() => process.exit(0)))
lines.once('line', line => subscribe(JSON.parse(line)))
say({ port })

async function subscribe({ url, key }) {
  const page = await running.newPage()
  await page.goto(url)
  const subscription = await page.evaluate(async applicationServerKey => {
    // The one name that the app's own policy allows.
    const named = window.trustedTypes.createPolicy('service-worker', { createScriptURL: url => url })
    const worker = named.createScriptURL('/push.js?name=Firefox&lang=en')
    await navigator.serviceWorker.register(worker, { scope: '/' })
    const { pushManager } = await navigator.serviceWorker.ready
    return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })).toJSON()
  }, key)
  say({ subscription })
  await page.exposeFunction('shows', shown => say({ shown }))
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready
    let before = '[]'
    setInterval(async () => {
      const all = await registration.getNotifications()
      const shown = all.map(({ title, body, tag, data }) => ({ title, body, tag, data }))
      if (JSON.stringify(shown) !== before) window.shows(shown)
      before = JSON.stringify(shown)
    }, 200)
  })
}
