// Something that keeps a command from doing its work. Its text says what to do.

export class Problem extends Error {
  /** 1: the command failed. 2: it was called in a wrong way. */
  exitCode

  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}
