import type { Text } from '../texts/language.tsx'
import { toast } from '../ui/Toast.tsx'

/** Puts a message's text on the clipboard, and says whether it is there. */
export async function copy(t: Text, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    toast('good', t('chat.copied'))
  } catch {
    // Not allowed here, or not served over HTTPS.
    toast('danger', t('chat.copy.failed'))
  }
}
