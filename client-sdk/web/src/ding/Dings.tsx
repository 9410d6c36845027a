import { Route, Switch } from 'wouter'
import { Compose } from './Compose.tsx'
import { DingPage } from './DingPage.tsx'
import { Lists } from './Lists.tsx'

/** The alerts that one received and sent, one of them in full, and where one writes another. */
export default function Dings() {
  return (
    <Switch>
      <Route path="/ding/new" component={Compose} />
      <Route path="/ding/:id">{({ id }) => <DingPage key={id} id={id} />}</Route>
      <Route>
        <Lists />
      </Route>
    </Switch>
  )
}
