// The two forms of a scenario: short in `cargo xtask test`, full in `cargo xtask torture`.

export function form<T>(short: T, full: T): T {
  return process.env['LAMPLIGHT_FORM'] === 'full' ? full : short
}
