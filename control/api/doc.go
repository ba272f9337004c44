// Package api serves CloudFront's API, version 2020-05-31 and older, over HTTP:
// the AWS CLI, the SDKs and Terraform drive Warmfront with it unchanged.
//
// What it promises: a call that succeeds is durable in the journal; one that
// fails has left the journal as it was; of calls made at the same time each is
// decided on what the others have done. What a caller sent comes back as it was
// sent, with CloudFront's defaults filled in, and CloudFront's error codes and
// statuses are given for what it would refuse.
//
// One call goes through it so. The names in Host and Origin are checked, so that
// no web page reaches this through a browser. Package cloudfront tells which
// operation is meant; its body is read, at most a mebibyte, and the signature
// verified over it. The operation decodes the body and checks what needs no
// other knowledge. A reading operation answers from the state that the journal
// holds; a writing one decides inside Journal.Propose, on a state that nobody
// else is changing: is the reference new, the ETag the newest, the alias free,
// does the configuration compile. Errors, whoever made them, become CloudFront's
// in one place (failure).
//
// Deployed and Completed are never kept: they are what the journal says has
// settled, compared with the version of a thing's last change. What has settled
// is asked before the state is, since Propose may not be called back; a version
// read later is only newer, so that the answer errs on the side of InProgress.
package api
