import { Volume2 } from 'lucide-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { chosen } from './devices.ts'
import type { Meeting } from './meeting.ts'

const NONE: readonly MediaStreamTrack[] = []

/** What the others say. It is heard whatever page is shown. */
export function Sounds({ meeting }: { meeting: Meeting }) {
  const t = useText()
  const speaker = useStore(chosen, choice => choice.speaker)
  // A stream has several tracks, and an element plays only the first one.
  const tracks = useStore(
    meeting.view,
    useShallow(() => meeting.room.audio?.getAudioTracks() ?? NONE),
  )
  const players = useRef(new Set<HTMLAudioElement>())
  const [isSilenced, setSilenced] = useState(false)
  const play = useCallback((player: HTMLAudioElement) => {
    player.play().catch((error: unknown) => {
      // What is taken away before it plays is not missed.
      if (error instanceof DOMException && error.name === 'NotAllowedError') setSilenced(true)
    })
  }, [])
  const hear = () => {
    setSilenced(false)
    for (const player of players.current) play(player)
  }
  return (
    <>
      {tracks.map(track => (
        <Sound
          key={track.id}
          track={track}
          speaker={speaker}
          play={play}
          players={players.current}
        />
      ))}
      {isSilenced && (
        <div className="silenced" role="alert">
          <Button look="primary" icon={<Volume2 />} onClick={hear}>
            {t('rooms.hear')}
          </Button>
        </div>
      )}
    </>
  )
}

function Sound({
  track,
  speaker,
  play,
  players,
}: {
  track: MediaStreamTrack
  speaker: string | undefined
  play: (player: HTMLAudioElement) => void
  players: Set<HTMLAudioElement>
}) {
  const audio = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    const player = audio.current
    if (!player) return
    player.srcObject = new MediaStream([track])
    players.add(player)
    play(player)
    return () => {
      players.delete(player)
      player.srcObject = null
    }
  }, [track, play, players])
  useEffect(() => {
    const player = audio.current
    // A speaker that was unplugged is not found: the browser goes on with its own.
    if (player && speaker && 'setSinkId' in player) player.setSinkId(speaker).catch(() => {})
  }, [speaker])
  // biome-ignore lint/a11y/useMediaCaption: nobody writes down what is said now
  return <audio ref={audio} />
}
