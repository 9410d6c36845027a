import type { Page } from '@playwright/test'

/** The picture that carries the time: blocks, black or white, of the last bits of a clock. */
const CAMERA = { width: 640, height: 360, fps: 30 } as const

/** The camera of a page shows the time, as programs read it. */
export async function showTime(page: Page): Promise<void> {
  await page.addInitScript(({ width, height, fps }) => {
    const [ACROSS, DOWN] = [8, 4]
    const { mediaDevices } = navigator
    const get = mediaDevices.getUserMedia.bind(mediaDevices)
    mediaDevices.getUserMedia = async ({ video, audio } = {}) => {
      if (!video) return get({ audio: audio ?? false })
      const canvas = Object.assign(document.createElement('canvas'), { width, height })
      const pen = canvas.getContext('2d')
      if (!pen) throw new Error('there is no canvas')
      const [wide, high] = [width / ACROSS, height / DOWN]
      setInterval(() => {
        const now = Date.now() >>> 0
        for (let bit = 0; bit < ACROSS * DOWN; bit += 1) {
          pen.fillStyle = (now >>> bit) & 1 ? '#fff' : '#000'
          pen.fillRect((bit % ACROSS) * wide, Math.floor(bit / ACROSS) * high, wide, high)
        }
      }, 1_000 / fps)
      return canvas.captureStream(fps)
    }
  }, CAMERA)
}

/** How old the next pictures are as they are shown, in milliseconds; of everybody else. */
export async function delays(page: Page, count: number): Promise<number[]> {
  return page.evaluate(count => {
    const [ACROSS, DOWN, DOT] = [8, 4, 8]
    const found: number[] = []
    const canvas = document.createElement('canvas')
    canvas.width = ACROSS * DOT
    canvas.height = DOWN * DOT
    const pen = canvas.getContext('2d', { willReadFrequently: true })
    /** One that a switch of layers has blurred is not read. */
    const read = (video: HTMLVideoElement): number | undefined => {
      if (!pen) return undefined
      pen.drawImage(video, 0, 0, canvas.width, canvas.height)
      const { data } = pen.getImageData(0, 0, canvas.width, canvas.height)
      let time = 0
      for (let bit = 0; bit < ACROSS * DOWN; bit += 1) {
        const x = (bit % ACROSS) * DOT + DOT / 2
        const y = Math.floor(bit / ACROSS) * DOT + DOT / 2
        const light = data[(y * canvas.width + x) * 4] ?? 0
        if (light > 80 && light < 175) return undefined
        if (light > 127) time += 2 ** bit
      }
      return time
    }
    return new Promise<number[]>(done => {
      for (const video of document.querySelectorAll<HTMLVideoElement>('.tile video')) {
        if (video.classList.contains('video-mirrored')) continue
        const next = () =>
          video.requestVideoFrameCallback(() => {
            const time = read(video)
            if (time !== undefined) found.push((Date.now() >>> 0) - time)
            if (found.length >= count) done(found)
            else next()
          })
        next()
      }
    })
  }, count)
}

/** Answers, once it has happened, when a page had the first picture of somebody new. */
export async function nextFace(page: Page): Promise<{ shown: () => Promise<number> }> {
  await page.evaluate(() => {
    const videos = () => [...document.querySelectorAll<HTMLVideoElement>('.tile video')]
    const before = new Set(videos())
    window.faceShown = new Promise(done => {
      // A page behind another one draws no frames, and has them all the same.
      const timer = setInterval(() => {
        const video = videos().find(one => !before.has(one))
        if (!video || video.readyState < video.HAVE_CURRENT_DATA || video.videoWidth === 0) return
        clearInterval(timer)
        done(Date.now())
      }, 5)
    })
  })
  return { shown: () => page.evaluate(() => window.faceShown) }
}

/** The value that so many hundredths are not above. */
export function percentile(values: readonly number[], hundredths: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * hundredths) / 100))] ?? 0
}

declare global {
  interface Window {
    faceShown: Promise<number>
  }
}
