import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App.tsx'
import { followAppearance } from './app/appearance.ts'
import { chosenLanguage, texts } from './app/language.ts'
import { TextsProvider } from './texts/language.tsx'

followAppearance()
const root = document.getElementById('root')
if (!root) throw new Error('the page has no root')
await texts.use(chosenLanguage())
createRoot(root).render(
  <StrictMode>
    <TextsProvider texts={texts}>
      <App />
    </TextsProvider>
  </StrictMode>,
)
