// How the host page uses localStorage for itself. These functions run in the page.

/** Fills localStorage until at most `leave` characters are free. */
export function fillStorage(leave: number): void {
  const text = 'h'.repeat(65_536)
  let size = text.length
  let number = 0
  while (size > 0) {
    try {
      localStorage.setItem(`host:${number}`, text.slice(0, size))
      number += 1
    } catch {
      size = Math.floor(size / 2)
    }
  }
  let freed = 0
  while (freed < leave && number > 0) {
    number -= 1
    const key = `host:${number}`
    freed += key.length + (localStorage.getItem(key) ?? '').length
    localStorage.removeItem(key)
  }
  if (freed > leave)
    localStorage.setItem('host:rest', text.slice(0, Math.min(text.length, freed - leave - 'host:rest'.length)))
}

/** Removes what `fillStorage` added. */
export function emptyStorage(): void {
  for (const key of Object.keys(localStorage)) if (key.startsWith('host:')) localStorage.removeItem(key)
}

/** Writes `count` values of a kilobyte, like a shop's cart. Returns how many writes failed. */
export function keepCart(count: number): number {
  let failed = 0
  for (let index = 0; index < count; index += 1) {
    try {
      localStorage.setItem(`cart:${index}`, 'c'.repeat(1_000))
    } catch {
      failed += 1
    }
  }
  return failed
}
