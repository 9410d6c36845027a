import { useState } from 'react'
import { useText } from '../texts/language.tsx'

/**
 * A picture from elsewhere. It is fetched when it comes near the screen, and whoever has it is not
 * told where it is shown; where the server does not allow it, or it is not there, it is a link.
 */
export function Picture({
  url,
  alt,
  raw,
}: {
  /** Absent if the address is none that a picture may come from. */
  url: string | undefined
  alt: string
  /** What stands there then. */
  raw: string
}) {
  const t = useText()
  const [missing, setMissing] = useState(false)
  if (!url) return raw
  if (missing) {
    return (
      <a href={url} target="_blank" rel="noopener noreferrer" title={url}>
        {alt || t('card.picture')}
      </a>
    )
  }
  return (
    <img
      className="picture"
      src={url}
      alt={alt}
      loading="lazy"
      decoding="async"
      referrerPolicy="no-referrer"
      onError={() => setMissing(true)}
    />
  )
}
