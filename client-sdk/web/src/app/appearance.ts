/** How the app looks on this device: kept here and not on the server, a phone differs. */
export interface Appearance {
  theme: 'system' | 'light' | 'dark'
  text: 'normal' | 'big'
}

const KEY = 'carillon-appearance'
const DEFAULT: Appearance = { theme: 'system', text: 'normal' }
const dark = matchMedia('(prefers-color-scheme: dark)')

export function appearance(): Appearance {
  try {
    return { ...DEFAULT, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as object) }
  } catch {
    // Somebody else wrote it, or storage is closed: the default looks good too.
    return DEFAULT
  }
}

export function setAppearance(chosen: Appearance): void {
  localStorage.setItem(KEY, JSON.stringify(chosen))
  apply()
}

function apply(): void {
  const { theme, text } = appearance()
  const root = document.documentElement
  root.dataset.theme = theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme
  root.dataset.text = text
  // What a phone paints around the page.
  const around = document.querySelector('meta[name="theme-color"]')
  around?.setAttribute('content', getComputedStyle(root).getPropertyValue('--sunken').trim())
}

/** Applies it, now and whenever the system or another window changes it. */
export function followAppearance(): void {
  apply()
  dark.addEventListener('change', apply)
  addEventListener('storage', apply)
}
