/** What browsers call themselves, the more special before those that they pretend to be. */
const BROWSERS: readonly [sign: RegExp, name: string][] = [
  [/Edg(A|iOS)?\//, 'Edge'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|CriOS)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]

/** An Android says that it is a Linux, and an iPhone that it is like a Mac. */
const SYSTEMS: readonly [sign: string, name: string][] = [
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Android', 'Android'],
  ['Windows', 'Windows'],
  ['Mac OS', 'Mac'],
  ['CrOS', 'ChromeOS'],
  ['Linux', 'Linux'],
]

/** What to call this device in the list of devices; nothing if it does not say. */
export function deviceLabel(agent = navigator.userAgent): string {
  const browser = BROWSERS.find(([sign]) => sign.test(agent))?.[1]
  const system = SYSTEMS.find(([sign]) => agent.includes(sign))?.[1]
  return [browser, system].filter(Boolean).join(' · ')
}
