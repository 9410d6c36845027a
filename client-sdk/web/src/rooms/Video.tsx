import { useEffect, useRef } from 'react'

/** A picture that moves. Who is in it stands beside it; its sound comes another way. */
export function Video({
  track,
  mirrored = false,
  whole = false,
}: {
  track: MediaStreamTrack
  /** As in a mirror, for one's own face. */
  mirrored?: boolean
  /** Nothing is cut off, as of a screen. */
  whole?: boolean
}) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const shown = video.current
    if (!shown) return
    shown.srcObject = new MediaStream([track])
    return () => {
      shown.srcObject = null
    }
  }, [track])
  const classes = ['video', mirrored && 'video-mirrored', whole && 'video-whole']
  return (
    <video ref={video} className={classes.filter(Boolean).join(' ')} autoPlay playsInline muted />
  )
}
