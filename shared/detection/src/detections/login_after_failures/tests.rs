//! Sign-ins that are worth telling of after failures, and those that happen every day.

use super::super::check::{Row, check};

#[test]
fn guessed_or_remembered() {
    check(
        "login-after-failures",
        &[
            Row::new(
                "5 fail alice every 35s; 1 login alice",
                "2026-03-02 Medium 40: 1 sign-in after 5 failures",
            ),
            Row::new("4 fail alice every 35s; 1 login alice", ""),
            Row::new("5 fail alice every 35s; 1 login bob", ""),
            Row::new(
                "5 fail alice every 35s; 1 mfa alice",
                "2026-03-02 Medium 40: 1 correct password after 5 failures",
            ),
            Row::new("5 fail alice every 35s; after 3600s 1 login alice", ""),
            Row::new(
                "1 login alice; 5 fail alice every 35s; 1 login alice",
                "2026-03-02 Low 20: 1 sign-in after 5 failures",
            ),
            // a phone with an old password, where its user signs in again
            Row::new(
                "1 login alice; 12 fail alice every 290s; 1 login alice",
                "2026-03-02 Low 20: 1 sign-in after 12 failures",
            ),
            // the same, guessing fast
            Row::new(
                "1 login alice; 12 fail alice every 30s; 1 login alice",
                "2026-03-02 Medium 40: 1 sign-in after 12 failures",
            ),
            // a burst is worth no less once it succeeds, and no more
            Row::new(
                "12 fail alice every 20s; 1 login alice",
                "2026-03-02 High 60: 1 sign-in after 12 failures",
            ),
            Row::new(
                "12 fail alice every 20s; 1 login alice; 1 ok alice",
                "2026-03-02 High 60: 1 sign-in after 12 failures",
            ),
            Row::new(
                "6 fail a,b every 20s; 1 login a,b",
                "2026-03-02 High 60: 2 sign-ins after 12 failures",
            ),
            Row::new(
                "1 login bob; 12 fail alice every 20s; 1 login alice",
                "2026-03-02 Medium 40: 1 sign-in after 12 failures",
            ),
            Row::new(
                "12 fail bob every 20s; after 4000s 5 fail alice every 35s; 1 login alice",
                "2026-03-02 Medium 40: 1 sign-in after 5 failures",
            ),
            Row::new("1 login alice; 5 fail alice every 35s", ""),
            // each success counts the failures before it, and each failure counts once
            Row::new(
                "5 fail alice every 35s; 1 login alice; 3 fail alice every 35s; 1 login alice",
                "2026-03-02 Medium 40: 2 sign-ins after 8 failures",
            ),
        ],
    );
}

#[test]
fn after_a_spray() {
    check(
        "login-after-failures",
        &[
            Row::new(
                "1 fail a,b,c,d,e every 60s; after 600s 1 login f",
                "2026-03-02 High 60: 1 sign-in after 5 failures",
            ),
            Row::new(
                "1 fail a,b,c,d,e every 60s; after 600s 1 mfa a",
                "2026-03-02 High 60: 1 correct password after 5 failures",
            ),
            Row::new("1 fail a,b,c,d,e every 60s; after 3700s 1 login f", ""),
            // an office at nine in the morning
            Row::new(
                "1 fail a,b,c,d,e every 60s; after 5s 1 login a,b,c,d,e every 1s",
                "2026-03-02 Low 20: 5 sign-ins after 5 failures",
            ),
            Row::new(
                "1 login a; 1 fail a,b,c,d,e every 60s; 1 login a",
                "2026-03-02 Low 20: 1 sign-in after 5 failures",
            ),
        ],
    );
}

#[test]
fn after_a_spray_over_a_network() {
    check(
        "login-after-failures",
        &[
            // whoever was guessed signs in from an address that never failed
            Row::new(
                "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 login@203.0.113.99 c",
                "2026-03-02 High 65: 1 sign-in after 5 failures from 203.0.113.0/24",
            ),
            Row::new(
                "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 mfa@203.0.113.99 f",
                "2026-03-02 High 65: 1 correct password after 5 failures from 203.0.113.0/24",
            ),
            Row::new(
                "1 fail@203.0.113.* a,b,c,d,e every 60s; after 3700s 1 login@203.0.113.99 c",
                "",
            ),
            Row::new(
                "1 fail@203.0.113.* a,b,c,d,e every 60s; after 600s 1 login@198.51.100.9 c",
                "",
            ),
            // it was there before, at whichever address
            Row::new(
                "1 login@203.0.113.200 c; after 80000s 1 fail@203.0.113.* a,b,c,d,e every 60s; \
                 after 600s 1 login@203.0.113.99 c",
                "",
            ),
            // an office behind a pool of addresses, on its first day and on its second
            Row::new(
                "1 fail@203.0.113.* a,b,c,d,e every 60s; \
                 1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s",
                "2026-03-02 Low 25: 20 sign-ins after 5 failures from 203.0.113.0/24",
            ),
            Row::new(
                "1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s; \
                 after 86400s 1 fail@203.0.113.* a,b,c,d,e every 60s; \
                 1 login@203.0.113.* a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t every 1s",
                "",
            ),
        ],
    );
}

#[test]
fn after_failures_of_one_account_from_many_addresses() {
    check(
        "login-after-failures",
        &[
            // a botnet whose thirteenth address gets in
            Row::new(
                "12 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 alice",
                "2026-03-02 High 65: 1 sign-in after 12 failures of a principal",
            ),
            Row::new(
                "12 fail@203.0.*.7 alice every 60s; after 3000s 1 mfa@198.51.100.9 alice",
                "2026-03-02 High 65: 1 correct password after 12 failures of a principal",
            ),
            Row::new(
                "12 fail@203.0.*.7 alice every 60s; after 3700s 1 login@198.51.100.9 alice",
                "",
            ),
            Row::new("12 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 bob", ""),
            // at home, meanwhile
            Row::new(
                "1 login@198.51.100.1 alice; 12 fail@203.0.*.7 alice every 60s; \
                 1 login@198.51.100.9 alice",
                "",
            ),
            // at home, and then whoever guessed it
            Row::new(
                "1 login@198.51.100.1 alice; 12 fail@203.0.*.7 alice every 60s; \
                 1 login@198.51.100.9 alice; 1 login@192.0.2.1 alice",
                "2026-03-02 High 65: 1 sign-in after 12 failures of a principal",
            ),
            // the phone with an old password is given the new one
            Row::new(
                "12 fail@203.0.113.* alice every 290s; 1 login@203.0.113.99 alice",
                "2026-03-02 Low 25: 1 sign-in after 12 failures of a principal",
            ),
            // nobody fails from enough addresses
            Row::new("9 fail@203.0.*.7 alice every 60s; 1 login@198.51.100.9 alice", ""),
        ],
    );
}
