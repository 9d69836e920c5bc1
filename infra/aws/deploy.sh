#!/bin/sh
# Deploys callerwatch to a real account: `make deploy STACK=… ARCH=… PARAMETERS='AlertEmail=… …'`.
# Asks before it changes anything, unless CONFIRM=no.
set -eu
cd "$(dirname "$0")"
sam=../../target/sam/bin/sam
stack=${STACK:-callerwatch}
arch=${ARCH:-arm64}
export SAM_CLI_TELEMETRY=0

refuse() {
	echo "deploy: $1" >&2
	exit 1
}

# Of the environment or the profile, as every tool of AWS finds it.
ask() {
	../../target/sam/bin/python -c "import boto3; print($1)" 2>/dev/null
}

region=${AWS_REGION:-$(ask 'boto3.session.Session().region_name or ""')}
[ -n "$region" ] || refuse 'no region: set AWS_REGION, or one in the profile'
for function in ../../functions/*/; do
	[ -f "../../target/lambda/$(basename "$function")/bootstrap" ] || refuse 'no package: run make package first'
done
# Names of the functions and their logs are made of the stack's, and have 64 characters at most.
case $stack in
	'' | [!A-Za-z]* | *[!A-Za-z0-9-]*) refuse "not the name of a stack: $stack" ;;
esac
[ ${#stack} -le 50 ] || refuse "the stack's name has over 50 characters: $stack"
account=$(ask "boto3.client('sts', region_name='$region').get_caller_identity()['Account']") \
	|| refuse 'no valid AWS credentials: set AWS_PROFILE, or sign in'

echo "deploying $stack to account $account, $region, $arch"
bucket='--resolve-s3'
[ -z "${BUCKET:-}" ] || bucket="--s3-bucket $BUCKET"
confirm='--confirm-changeset'
[ "${CONFIRM:-yes}" != no ] || confirm='--no-confirm-changeset'
# shellcheck disable=SC2086 # both are made of words of their own, and so are parameters
"$sam" deploy --template-file template.yaml --stack-name "$stack" --region "$region" \
	--s3-prefix "$stack" $bucket $confirm --no-fail-on-empty-changeset \
	--capabilities CAPABILITY_IAM \
	--parameter-overrides "Architecture=$arch" ${PARAMETERS:-}

# Lists and databases as this version reads them, without waiting for the schedule. Until they are
# there, functions make them anew of what was fetched before.
function="$stack-intel"
if ask "boto3.client('lambda', region_name='$region').invoke(FunctionName='$function', InvocationType='Event')['StatusCode']" >/dev/null; then
	echo "feeds of addresses are being refreshed by $function"
else
	echo "deploy: $function was not invoked; it refreshes feeds on its schedule" >&2
fi
