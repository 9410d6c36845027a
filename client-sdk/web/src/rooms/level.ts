/** How loud a track is, and the sound by which a speaker is tried. */

/** So often a meter moves. */
const LOOKS_MS = 66
/** What is silence to a meter, in decibels below the loudest. */
const SILENCE_DB = -60

/** Tells how loud a track is, from 0 to 1, until it is stopped. */
export function meter(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  const context = new AudioContext()
  const source = context.createMediaStreamSource(new MediaStream([track]))
  const analyser = new AnalyserNode(context, { fftSize: 1024 })
  source.connect(analyser)
  const wave = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(wave)
    tell(levelOf(wave))
  }, LOOKS_MS)
  return () => {
    clearInterval(timer)
    void context.close()
  }
}

/** How loud a wave is: 0 at 60 dB below full, 1 at full. */
export function levelOf(wave: Float32Array): number {
  let sum = 0
  for (const value of wave) sum += value * value
  const db = 10 * Math.log10(sum / Math.max(1, wave.length))
  return Math.min(1, Math.max(0, 1 - db / SILENCE_DB))
}

/** Two notes of a bell: high, then lower. */
const NOTES = [880, 660] as const
const NOTE_S = 0.45

/** Plays a bell on a speaker; resolves when it has rung. */
export async function ring(speaker: string | undefined): Promise<void> {
  const context = new AudioContext()
  const player = new Audio()
  try {
    const out = context.createMediaStreamDestination()
    player.srcObject = out.stream
    if (speaker && 'setSinkId' in player) await player.setSinkId(speaker)
    const ended = NOTES.map((frequency, turn) => note(context, out, frequency, turn * NOTE_S))
    await player.play()
    await Promise.all(ended)
  } finally {
    // A browser has few of these: one that stays open is missing the next time.
    player.pause()
    await context.close()
  }
}

function note(
  context: AudioContext,
  out: AudioNode,
  frequency: number,
  after: number,
): Promise<unknown> {
  const from = context.currentTime + after
  const tone = new OscillatorNode(context, { frequency })
  const gain = new GainNode(context, { gain: 0 })
  gain.gain.setValueAtTime(0.4, from)
  gain.gain.exponentialRampToValueAtTime(0.001, from + NOTE_S)
  tone.connect(gain).connect(out)
  const ended = new Promise(done => tone.addEventListener('ended', done))
  tone.start(from)
  tone.stop(from + NOTE_S)
  return ended
}
