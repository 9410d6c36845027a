/** How tiles fit on a stage. Pure: sizes are CSS pixels. */

export interface Size {
  readonly width: number
  readonly height: number
}

/** The form of a camera's picture. */
const RATIO = 16 / 9
/** A face in a smaller tile is not recognised. */
const TILE_WIDTH_MIN = 140
/** The server shows so many at most. */
const TILES_MAX = 49
/** The columns of a screen that is held upright: more would be stamps. */
const COLUMNS_UPRIGHT_MAX = 2

/** How many tiles a page of this size has room for; at least one. */
export function capacity({ width, height }: Size): number {
  const columns = Math.max(1, Math.floor(width / TILE_WIDTH_MIN))
  const across = width < height ? Math.min(COLUMNS_UPRIGHT_MAX, columns) : columns
  const rows = Math.max(1, Math.floor(height / (width / across / RATIO)))
  return Math.min(TILES_MAX, across * rows)
}

/** The number of columns with which so many tiles are largest. */
export function columnsFor(tiles: number, { width, height }: Size): number {
  let best = 1
  let widest = 0
  const most = width < height ? COLUMNS_UPRIGHT_MAX : tiles
  for (let columns = 1; columns <= Math.max(1, Math.min(tiles, most)); columns += 1) {
    const rows = Math.ceil(tiles / columns)
    const tile = Math.min(width / columns, (height / rows) * RATIO)
    // Side by side rather than one above the other, where both are as large.
    if (tile > widest || (tile === widest && width > height)) {
      widest = tile
      best = columns
    }
  }
  return best
}

/** A tile may be a little wider than a picture: more would cut off a forehead or a chin. */
const RATIO_MAX = 2

/** How wide so many columns of tiles are at most, so that faces are seen whole. */
export function widthFor(tiles: number, columns: number, { width, height }: Size): number {
  const rows = Math.ceil(tiles / columns)
  return Math.min(width, columns * (height / rows) * RATIO_MAX)
}

/** What stands on a page, and which page that is if the one that was asked for is gone. */
export function pageOf<T>(
  all: readonly T[],
  asked: number,
  room: number,
): { shown: readonly T[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(all.length / room))
  const page = Math.min(Math.max(0, asked), pages - 1)
  return { shown: all.slice(page * room, (page + 1) * room), page, pages }
}
