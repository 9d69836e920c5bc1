//! Accounts, regions and pages, of a server on loopback that answers as STS and EC2 do.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;
use callerwatch_adapters::clients;
use callerwatch_egress::ask;
use callerwatch_feeds::egress::{Answer, Fault};

const DENIED: &str = "arn:aws:iam::333333333333:role/denied";
const OTHER: &str = "arn:aws:iam::222222222222:role/other";

const WHOSE: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
    <Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
const ASSUMED: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
    <AccessKeyId>OTHER</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
    <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
    <AssumedRoleUser><Arn>arn:aws:sts::222222222222:assumed-role/other/a</Arn>\
    <AssumedRoleId>A:a</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";
const NOT_ASSUMED: &str = "<ErrorResponse><Error><Code>AccessDenied</Code>\
    <Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>";
const REGIONS: [&str; 3] = [
    "<regionName>eu-west-1</regionName>",
    "<regionName>eu-north-1</regionName>",
    "<regionName>us-gone-1</regionName>",
];
/// One of them was just given back.
const ELASTIC: [&str; 4] = [
    "<publicIp>203.0.113.1</publicIp>",
    "<allocationId>eipalloc-1</allocationId>",
    "<carrierIp>203.0.113.6</carrierIp>",
    "<customerOwnedIp>203.0.113.7</customerOwnedIp>",
];
/// A public one with a private address too, and one that is gone.
const GATEWAYS: [&str; 2] = [
    "<state>available</state><natGatewayAddressSet>\
     <item><publicIp>203.0.113.2</publicIp></item><item><privateIp>10.0.0.1</privateIp></item>\
     </natGatewayAddressSet>",
    "<state>deleted</state><natGatewayAddressSet>\
     <item><publicIp>203.0.113.3</publicIp></item></natGatewayAddressSet>",
];
/// One with a second address, one of IPv6, and one that is private.
const INTERFACES: [&str; 3] = [
    "<association><publicIp>203.0.113.4</publicIp></association><privateIpAddressesSet><item>\
     <privateIpAddress>10.0.0.2</privateIpAddress>\
     <association><publicIp>203.0.113.4</publicIp></association></item>\
     <item><association><publicIp>203.0.113.5</publicIp></association></item>\
     <item><association><carrierIp>203.0.113.8</carrierIp></association></item>\
     <item><association><customerOwnedIp>203.0.113.9</customerOwnedIp></association></item>\
     </privateIpAddressesSet>",
    "<ipv6AddressesSet><item><ipv6Address>2001:db8::7</ipv6Address></item></ipv6AddressesSet>",
    "<privateIpAddress>10.0.0.3</privateIpAddress>",
];

/// Where a server is that answers in the name of AWS.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(&stream));
        }
    });
    format!("http://{address}")
}

/// Answers one request.
fn serve(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut signed) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut signed);
            }
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, text) = answer(&signed, &body);
    let length = text.len();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n{text}").unwrap();
}

/// The answer to what is asked, of the region and with the key that it is signed for.
fn answer(signed: &str, body: &[u8]) -> (u16, String) {
    let mut scope = signed.split("Credential=").nth(1).unwrap().split('/');
    let (key, region) = (scope.next().unwrap(), scope.nth(1).unwrap());
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let page = |items: &[&str], more: &str| (200, of(field("Action"), items, more));
    match field("Action") {
        "GetCallerIdentity" => (200, WHOSE.to_owned()),
        "AssumeRole" if field("RoleArn") == OTHER => (200, ASSUMED.to_owned()),
        "AssumeRole" => (403, NOT_ASSUMED.to_owned()),
        "DescribeRegions" if key == "OTHER" => page(&REGIONS[..1], ""),
        "DescribeRegions" => page(&REGIONS, ""),
        _ if region == "us-gone-1" => (403, refused("UnauthorizedOperation")),
        "DescribeAddresses" => page(&ELASTIC, ""),
        "DescribeNatGateways" if region == "eu-north-1" => (400, refused("InternalFailure")),
        "DescribeNatGateways" => page(&GATEWAYS, ""),
        "DescribeNetworkInterfaces" if field("NextToken").is_empty() => {
            page(&INTERFACES[..1], "<nextToken>second</nextToken>")
        }
        "DescribeNetworkInterfaces" => page(&INTERFACES[1..], ""),
        other => (400, refused(&format!("Unknown{other}"))),
    }
}

fn of(action: &str, items: &[&str], more: &str) -> String {
    let set = match action {
        "DescribeRegions" => "regionInfo",
        "DescribeAddresses" => "addressesSet",
        "DescribeNatGateways" => "natGatewaySet",
        _ => "networkInterfaceSet",
    };
    let items: Vec<_> = items.iter().map(|it| format!("<item>{it}</item>")).collect();
    format!("<{action}Response><{set}>{}</{set}>{more}</{action}Response>", items.concat())
}

fn refused(code: &str) -> String {
    let message = format!("said so. Encoded: {}", "x".repeat(1000));
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>")
}

async fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("OWN", "secret", None, None, "test");
    let loader = clients::loader(aws_config::defaults(BehaviorVersion::latest()))
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials);
    loader.load().await
}

/// What an account told, a line a region.
fn told(answer: &Answer) -> Vec<String> {
    let regions = match &answer.regions {
        Ok(regions) => regions,
        Err(fault) => return vec![format!("{} {fault} {}", answer.account, fault.is_denied)],
    };
    let line = |(region, told): (&String, &Result<_, Fault>)| match told {
        Ok(addresses) => format!("{} {region} {addresses:?}", answer.account),
        Err(fault) => {
            assert!(fault.message.chars().count() <= 320, "{fault}");
            let start: String = fault.message.chars().take(60).collect();
            format!("{} {region} {start} {}", answer.account, fault.is_denied)
        }
    };
    regions.iter().map(line).collect()
}

#[tokio::test]
async fn one_that_fails_holds_up_no_other() {
    let config = config(&server()).await;
    let answers = ask(&config, &[DENIED, OTHER]).await;
    let told: Vec<String> = answers.iter().flat_map(told).collect();
    let all = "{203.0.113.1, 203.0.113.2, 203.0.113.4, 203.0.113.5, 203.0.113.6, 203.0.113.7, \
               203.0.113.8, 203.0.113.9, 2001:db8::7}";
    let expected = [
        "111111111111 eu-north-1 eu-north-1: listing NAT gateways: InternalFailure: said so.  false"
            .to_owned(),
        format!("111111111111 eu-west-1 {all}"),
        "111111111111 us-gone-1 us-gone-1: listing Elastic IPs: UnauthorizedOperation: said  true"
            .to_owned(),
        format!(
            "{DENIED} assuming the role: an error occurred while loading credentials: service error: \
             unhandled error (AccessDenied): Error {{ code: \"AccessDenied\", \
             message: \"not authorized to perform sts:AssumeRole\" }} false"
        ),
        format!("{OTHER} eu-west-1 {all}"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn nobody_answers() {
    let config = config("http://127.0.0.1:1").await;
    let answers = ask(&config, &[OTHER]).await;
    let told: Vec<String> = answers.iter().flat_map(told).collect();
    let [own, other] = &told[..] else { panic!("{told:?}") };
    assert!(own.starts_with("own asking whose credentials these are: dispatch failure: "), "{own}");
    assert!(other.starts_with(&format!("{OTHER} assuming the role: ")), "{other}");
}
