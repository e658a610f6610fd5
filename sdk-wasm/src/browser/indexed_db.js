// IndexedDB in its simplest form: one database with one store of texts by name. Every failure is a
// rejected promise.
const STORE = 'blocks'
const databases = new Map()

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = request.onblocked = () => reject(request.error)
  })

function open(name) {
  let database = databases.get(name)
  if (!database) {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    database = done(request).then((opened) => {
      // The browser or the user closed or deleted the database. It is opened again the next time.
      opened.onclose = () => databases.delete(name)
      opened.onversionchange = () => {
        opened.close()
        databases.delete(name)
      }
      return opened
    })
    database.catch(() => databases.delete(name))
    databases.set(name, database)
  }
  return database
}

async function transaction(name, mode) {
  const database = await open(name)
  try {
    return database.transaction(STORE, mode, { durability: 'relaxed' })
  } catch (error) {
    // The connection is broken.
    databases.delete(name)
    throw error
  }
}

async function reading(name, request) {
  return done(request((await transaction(name, 'readonly')).objectStore(STORE)))
}

async function writing(name, request) {
  const writes = await transaction(name, 'readwrite')
  request(writes.objectStore(STORE))
  // It is durable once the transaction has completed, not when the request has succeeded.
  return new Promise((resolve, reject) => {
    writes.oncomplete = resolve
    writes.onabort = writes.onerror = () => reject(writes.error)
  }).then(() => '')
}

async function listKeys(name) {
  // Sandboxed frames have no databases. Asking for them leaves a rejected promise of Chromium's.
  if (globalThis.origin === 'null') return ''
  // A page that never overflows does not create the database.
  if (!databases.has(name) && indexedDB.databases) {
    const known = await indexedDB.databases()
    if (!known.some((database) => database.name === name)) return ''
  }
  return (await reading(name, (store) => store.getAllKeys())).join('\n')
}

/** Calls `done` with the text that the promise resolves to, or with nothing when it is rejected. */
function report(promise, done) {
  promise.then((text) => text ?? '').then(done, () => done())
}

/** All keys, one per line. */
export const list = (name, done) => report(listKeys(name), done)

export const read = (name, key, done) =>
  report(
    reading(name, (store) => store.get(key)),
    done,
  )

export const write = (name, key, text, done) =>
  report(
    writing(name, (store) => store.put(text, key)),
    done,
  )

export const erase = (name, key, done) =>
  report(
    writing(name, (store) => store.delete(key)),
    done,
  )
