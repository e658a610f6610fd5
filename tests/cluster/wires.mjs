// The network between the parts of a cluster, which can be cut between any two of them.
//
// Each connection of one part to another leads through a wire: a port of its own, which passes on
// what arrives. What vanishes on a real network is sent again by the kernel, so it arrives late if
// both ends still wait for it. A wire holds it back for that.
import { connect, createServer } from 'node:net'

/** What a cut does: whether connections are reset, or whose bytes do not arrive. */
export const CUTS = {
  reset: { isReset: true },
  hole: { isLost: () => true },
  // Of the two sides of the cut, only what the first or the second one sends.
  'hole there': { isLost: (isOfFirst) => isOfFirst },
  'hole back': { isLost: (isOfFirst) => !isOfFirst },
}

/** A network without wires: every part is reached where it listens. */
export const PLAIN = { reach: async (_from, _to, port) => port }

export class Wires {
  #wires = []

  /** The port by which one part reaches another one, which listens on `port`. */
  async reach(from, to, port) {
    const wire = await Wire.open(from, to, port)
    this.#wires.push(wire)
    return wire.port
  }

  /** Cuts the network between every part of `ones` and every part of `others`. */
  cut(kind, ones, others) {
    let count = 0
    for (const wire of this.#wires) {
      const isOfFirst = ones.includes(wire.from) && others.includes(wire.to)
      if (!isOfFirst && !(others.includes(wire.from) && ones.includes(wire.to))) continue
      wire.cut(CUTS[kind], isOfFirst)
      count += 1
    }
    if (count === 0) throw new Error(`nothing leads from ${ones} to ${others}`)
  }

  /** Everything arrives again. */
  heal() {
    for (const wire of this.#wires) wire.heal()
  }

  stop() {
    for (const wire of this.#wires) wire.close()
  }
}

/** The connections of one part to another one. */
class Wire {
  #listener
  #connections = new Set()
  /** Connections that nobody has answered, as their first packets vanish. */
  #held = new Set()
  #cut = {}
  #isOfFirst = true

  static async open(from, to, port) {
    const wire = new Wire(from, to, port)
    await wire.#listen()
    return wire
  }

  constructor(from, to, target) {
    this.from = from
    this.to = to
    this.target = target
  }

  get port() {
    return this.#listener.address().port
  }

  /** `isOfFirst` says whether the part that connects is the first side of the cut. */
  cut(cut, isOfFirst) {
    this.#cut = cut
    this.#isOfFirst = isOfFirst
    for (const connection of this.#connections) {
      if (cut.isReset) connection.reset()
      else this.#hold(connection)
    }
  }

  heal() {
    this.#cut = {}
    for (const connection of this.#connections) this.#hold(connection)
    for (const socket of this.#held) this.#connect(socket)
    this.#held.clear()
  }

  close() {
    this.#listener.close()
    for (const connection of this.#connections) connection.reset()
    for (const socket of this.#held) socket.destroy()
  }

  #hold(connection) {
    connection.hold(this.#isLost(true), this.#isLost(false))
  }

  /** Whether what the part that connects sends is lost, or what it is answered. */
  #isLost(isSent) {
    return this.#cut.isLost?.(isSent === this.#isOfFirst) ?? false
  }

  async #listen() {
    this.#listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      // Whoever gave up while it waited.
      socket.on('error', () => socket.destroy())
      if (this.#cut.isReset) socket.resetAndDestroy()
      // Without a packet there and one back there is no connection.
      else if (this.#isLost(true) || this.#isLost(false)) this.#held.add(socket)
      else this.#connect(socket)
    })
    await new Promise((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(0, '127.0.0.1', resolve)
    })
  }

  #connect(socket) {
    if (socket.destroyed) return
    const connection = new Connection(socket, this.target, () => this.#connections.delete(connection))
    this.#connections.add(connection)
  }
}

/** A connection through a wire. */
class Connection {
  #sockets
  #isHeld = false
  /** Whether one end is gone while the other one cannot know. */
  #isBroken = false
  #ended

  constructor(socket, port, ended) {
    const other = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    this.#sockets = [socket, other]
    this.#ended = ended
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ]) {
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause()
      })
      to.on('drain', () => {
        if (!from.isLost) from.resume()
      })
      from.on('end', () => to.end())
      from.on('error', () => this.#break())
      from.on('close', () => {
        if (this.#sockets.every(({ destroyed }) => destroyed)) ended()
      })
    }
    socket.resume()
  }

  /** Whether what the one that connected sends is held back, and what it is answered. */
  hold(isSentLost, isAnswerLost) {
    this.#isHeld = isSentLost || isAnswerLost
    if (this.#isBroken && !this.#isHeld) return this.reset()
    for (const [socket, isLost] of [
      [this.#sockets[0], isSentLost],
      [this.#sockets[1], isAnswerLost],
    ]) {
      socket.isLost = isLost
      if (isLost) socket.pause()
      else socket.resume()
    }
  }

  reset() {
    for (const socket of this.#sockets) socket.resetAndDestroy()
    this.#ended()
  }

  /** An end is gone, which the other one learns as soon as anything arrives there. */
  #break() {
    this.#isBroken = true
    if (!this.#isHeld) this.reset()
  }
}
