// IndexedDB in its simplest form: one database with one store of texts by name. Every failure is a
// rejected promise.
const STORE = 'blocks'
const bases = new Map()

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = request.onblocked = () => reject(request.error)
  })

function open(name) {
  let base = bases.get(name)
  if (!base) {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    base = done(request).then((database) => {
      // The browser or the user closed or deleted the database. It is opened again the next time.
      database.onclose = () => bases.delete(name)
      database.onversionchange = () => {
        database.close()
        bases.delete(name)
      }
      return database
    })
    base.catch(() => bases.delete(name))
    bases.set(name, base)
  }
  return base
}

// `what`: 0 lists the names, 1 reads the text under `key`, 2 writes `text` under it, 3 removes it.
export async function overflow(name, what, key, text) {
  // A page that never overflows does not create the database.
  if (!what && !bases.has(name) && indexedDB.databases) {
    const known = await indexedDB.databases()
    if (!known.some((base) => base.name === name)) return ''
  }
  const database = await open(name)
  let transaction
  try {
    transaction = database.transaction(STORE, what > 1 ? 'readwrite' : 'readonly', { durability: 'relaxed' })
  } catch (error) {
    // The connection is broken.
    bases.delete(name)
    throw error
  }
  const store = transaction.objectStore(STORE)
  if (!what) return (await done(store.getAllKeys())).join('\n')
  if (what < 2) return (await done(store.get(key))) ?? ''
  if (what < 3) store.put(text, key)
  else store.delete(key)
  // It is durable once the transaction has completed, not when the request has succeeded.
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve
    transaction.onabort = transaction.onerror = () => reject(transaction.error)
  })
  return ''
}
