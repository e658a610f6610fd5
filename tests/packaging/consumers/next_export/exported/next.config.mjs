/** A static site. */
export default { output: 'export' }
