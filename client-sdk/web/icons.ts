import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { initWasm, Resvg } from '@resvg/resvg-wasm'
import type { Plugin } from 'vite'

const ICON = join(import.meta.dirname, 'public/icon.svg')
/** The corners of the icon, which systems that cut icons themselves have no use for. */
const CORNERS = / rx="\d+"/

/** What systems that read no SVG show: on a home screen, and beside a notification. */
const PICTURES = [
  { fileName: 'icon-192.png', width: 192, cut: false },
  { fileName: 'icon-512.png', width: 512, cut: true },
  { fileName: 'apple-touch-icon.png', width: 180, cut: true },
] as const

/** Makes the icon's PNG files with the build. */
export function icons(): Plugin {
  return {
    name: 'icons',
    apply: 'build',
    async buildStart() {
      const svg = readFileSync(ICON, 'utf8')
      await ready()
      for (const { fileName, width, cut } of PICTURES) {
        const picture = new Resvg(cut ? svg.replace(CORNERS, '') : svg, {
          fitTo: { mode: 'width', value: width },
        })
        this.emitFile({ type: 'asset', fileName, source: picture.render().asPng() })
      }
    },
  }
}

let loaded: Promise<void> | undefined

/** A process loads the program that draws once, however often it builds. */
function ready(): Promise<void> {
  const wasm = createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm')
  loaded ??= initWasm(readFileSync(wasm))
  return loaded
}
