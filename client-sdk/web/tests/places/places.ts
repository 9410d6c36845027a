import type { Locator } from '@playwright/test'
import type { Text } from '../../src/texts/language.tsx'
import type { Language } from '../../texts/plugin.ts'
import type { Page } from '../kit.ts'
import { ADMIN_PLACES } from './admin.ts'
import { ALERT_PLACES } from './alerts.ts'
import { CHAT_PLACES } from './chats.ts'
import { DING_PLACES } from './ding.ts'
import { DOOR_PLACES, PEOPLE_PLACES, SETTINGS_PLACES } from './rest.ts'
import type { Scene } from './scene.ts'

/** Somebody at a place. */
export interface Visit {
  page: Page
  scene: Scene
  /** The texts in the visitor's language. */
  t: Text
}

/** A page, or a state of it, that somebody sees. */
export interface Place {
  /** Names its picture. */
  name: string
  /** Whether people are here all day: it is looked at on more screens. */
  main?: boolean
  /** Who looks at it; nobody is signed in without. */
  login?: string
  /** Whether the network is away there, so that nothing is heard. */
  cutOff?: boolean
  path: (scene: Scene) => string
  /** From the page to the state. */
  reach?: (visit: Visit) => Promise<void>
  /** What shows that one is there. */
  there: (visit: Visit) => Locator
}

export interface Size {
  width: number
  height: number
}

/** Everything that there is to see. */
export const PLACES: readonly Place[] = [
  ...DOOR_PLACES,
  ...CHAT_PLACES,
  ...PEOPLE_PLACES,
  ...DING_PLACES,
  ...ADMIN_PLACES,
  ...ALERT_PLACES,
  ...SETTINGS_PLACES,
]

/** What going to places makes browsers complain of: refusals, and a network that is cut. */
export const ON_THE_WAY = [
  /status of 40[014]/,
  /net::ERR_(CONNECTION|SOCKET|EMPTY)_/,
  /WebSocket connection to .* failed/,
]

/** Goes to a place, also if one is there already, and waits until nothing changes any more. */
export async function go(place: Place, visit: Visit): Promise<void> {
  const { page, scene } = visit
  scene.wire.mend()
  // The same address with another token would only be another fragment.
  await page.goto('about:blank')
  await page.goto(new URL(place.path(scene), scene.url).href)
  await place.reach?.(visit)
  // An expectation would look again after ever longer pauses; there are hundreds of these.
  await place.there(visit).waitFor()
  await rest(page)
}

/** Looks at the place on a screen of another size; goes there again if that has taken one away. */
export async function resize(place: Place, visit: Visit, size: Size): Promise<void> {
  await visit.page.setViewportSize(size)
  await rest(visit.page)
  if (!(await isBeforeEyes(place.there(visit)))) await go(place, visit)
}

/**
 * Goes on in another language, as the settings of another device would make the page; goes to the
 * place again if that has taken one away. Who is not signed in chooses it on the page.
 */
export async function speak(place: Place, visit: Visit, language: Language): Promise<void> {
  const { page, scene } = visit
  if (place.login === undefined) await chosen(page, language)
  else await scene.company.as(place.login, 'org.member.update', { locale: language })
  if (place.cutOff) return go(place, visit)
  await page.locator(`html[lang="${language}"]`).waitFor()
  await rest(page)
  if (!(await isBeforeEyes(place.there(visit)))) await go(place, visit)
}

/** Chooses a language before one is in. */
async function chosen(page: Page, language: Language): Promise<void> {
  await page.locator('select').first().selectOption(language)
}

/** Whether nothing lies over it. */
async function isBeforeEyes(there: Locator): Promise<boolean> {
  if (!(await there.isVisible())) return false
  return there.evaluate(element => {
    element.scrollIntoView({ block: 'nearest' })
    const { x, y, width, height } = element.getBoundingClientRect()
    const hit = document.elementFromPoint(x + width / 2, y + height / 2)
    return hit !== null && (element.contains(hit) || hit.contains(element))
  })
}

/**
 * Until everything was fetched and drawn. Where motion is reduced nothing moves for long; what
 * appears only after a while is as pale as the page until then.
 */
export async function rest(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const drawn = () => new Promise(requestAnimationFrame)
    const ends = ({ effect }: Animation) => effect?.getComputedTiming().endTime !== Infinity
    const moving = () =>
      document.getAnimations().filter(it => it.playState === 'running' && ends(it))
    while (document.querySelector('.skeleton, .talk-bar, [aria-busy="true"]')) await drawn()
    await document.fonts.ready
    // One whose element goes away is called off, which is an end too.
    while (moving().length > 0) await Promise.allSettled(moving().map(it => it.finished))
    await drawn()
    await drawn()
  })
}
