// Scenarios have a short form in `cargo xtask test` and a full form in `cargo xtask torture`.

export function form<T>(short: T, full: T): T {
  return process.env['LAMPLIGHT_FORM'] === 'full' ? full : short
}
