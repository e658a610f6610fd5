// What a machine is, as far as it decides what a benchmark gives.
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** The facts of this machine, with the versions of the programs that are measured. */
export const machineFacts = (programs) => ({
  cpu: cpus()[0].model.trim(),
  cores: availableParallelism(),
  memory_gib: Math.round(totalmem() / 2 ** 30),
  kernel: `${type()} ${release()}`,
  programs,
})
