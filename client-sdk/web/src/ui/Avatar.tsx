import { memo } from 'react'
import './avatar.css'

/** How many colours there are in avatar.css. */
const COLOURS = 8

export interface AvatarProps {
  /** Whose; decides the colour, which stays when the name changes. */
  id: string
  name: string
  size?: 's' | 'm' | 'l'
}

/** A person or a group by their first letters. The name always stands beside it. */
export const Avatar = memo(function Avatar({ id, name, size = 'm' }: AvatarProps) {
  return (
    <span className={`avatar avatar-${size} avatar-${colour(id)}`} aria-hidden="true">
      {initials(name)}
    </span>
  )
})

function colour(id: string): number {
  let sum = 0
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 65_521
  return sum % COLOURS
}

/** Of a Chinese name the given name's two characters, of others the first letters. */
export function initials(name: string): string {
  const chinese = /\p{Script=Han}{2,}/u.exec(name)?.[0]
  if (chinese) return chinese.slice(-2)
  const words = name.trim().split(/\s+/)
  const letters = words.map(word => [...word][0] ?? '')
  return (letters.length > 1 ? `${letters[0]}${letters.at(-1)}` : (letters[0] ?? '')).toUpperCase()
}
