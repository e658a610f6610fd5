/** A site of files alone. */
export default { output: 'export' }
