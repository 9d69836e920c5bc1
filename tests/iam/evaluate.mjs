// Reads requests and the policies they are held to from standard input, and writes for each what an
// evaluator that is nobody's of ours says: Allowed, ExplicitlyDenied, or that it could not tell.

import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const everything = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
}

async function evaluate({ policy, organization, principal, action, resource, context }) {
  const named = [{ name: 'everything', policy: everything }]
  const denying = [...named, { name: 'denying', policy }]
  const answer = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: principal.split(':')[4] },
        contextVariables: context,
      },
      identityPolicies: organization ? named : denying,
      serviceControlPolicies: organization ? [{ orgIdentifier: 'r-root', policies: denying }] : [],
      resourceControlPolicies: [],
    },
    {},
  )
  // What it has no say in is no answer.
  const ignored = answer.result?.ignoredContextKeys ?? []
  if (answer.resultType !== 'single' || ignored.length > 0) return JSON.stringify(answer)
  return answer.overallResult
}

const requests = JSON.parse(readFileSync(0, 'utf8'))
const answers = []
for (const request of requests) answers.push(await evaluate(request))
process.stdout.write(JSON.stringify(answers))
