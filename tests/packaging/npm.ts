/** npm's name as a program. */
export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
