package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// join tries the controls in turn until one admits the node.
func (c *Client) join(ctx context.Context) error {
	wait := backoff{controls: len(c.cfg.Control)}
	for {
		s, err := c.joinOnce(ctx)
		if err == nil {
			c.tellDisk(s.answer)
			c.nextLease.Store(c.next.Load())
			if old := c.session.Swap(s); old != nil {
				old.close()
			}
			c.saveIdentity(s)
			c.note(nil)
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrOtherJournal) {
			return err
		}
		c.note(fmt.Errorf("join %s: %w", c.address(&c.next), err))
		c.next.Add(1)
		if !c.pause(ctx, wait.next(), nil) {
			return ctx.Err()
		}
	}
}

// tellDisk has the node's disk know whose and how old it is (O). A control of an
// older release says nothing of it: then there is only what it knows of the node.
func (c *Client) tellDisk(a wire.JoinAnswer) {
	if c.cfg.Disk == nil {
		return
	}
	known := c.cfg.Disk.Disk()
	if a.Disk != nil {
		known = *a.Disk
	}
	if err := c.cfg.Disk.Joined(a.Journal, known, a.RolledBack); err != nil {
		c.log.Warn("the node's disk does not take down that it has joined", "error", err)
	}
}

// disk is what a lease call tells of the disk.
func (c *Client) disk() journal.Disk {
	if c.cfg.Disk == nil {
		return journal.Disk{}
	}
	return c.cfg.Disk.Disk()
}

func (c *Client) joinOnce(ctx context.Context) (*session, error) {
	key, err := ca.NewKey()
	if err != nil {
		return nil, err
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		return nil, err
	}
	// Control takes the process that joined before for ended.
	c.step(journal.Joining{})
	before := c.joined()
	body, err := json.Marshal(wire.JoinRequest{Node: c.cfg.Node, CSR: string(csr), Incarnation: before.Incarnation})
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(ctx, body)
	if err != nil {
		return nil, err
	}
	if err := c.adopt(answer.Journal); err != nil {
		return nil, err
	}
	return c.newSession(*answer, ca.EncodeKey(key), true)
}

// adopt makes a journal the one that is followed, and drops what the disk had of one
// that is no more. A node that has followed that in this run has stored objects by
// it and cannot go on.
//
// Versions of the two are alike and mean different things. So no neighbour is sent
// the old state under the new name, one that follows the old journal still leaves
// when it is sent what comes before all it has, and nothing is taken from one.
func (c *Client) adopt(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.journal
	if before == name {
		return nil
	}
	if before != "" && c.follower.Synced() {
		return ErrOtherJournal
	}
	c.journal = name
	if before == "" {
		return nil
	}
	c.log.Warn("control has another journal than the one on this node's disk, which is dropped")
	c.leaveRelay()
	state := cdn.NewState(0)
	c.follower = journal.NewFollower(state, journal.Term{})
	c.state.Store(state)
	c.feed.Publish(state, nil)
	return nil
}

// exchange proves the cluster secret to control and control's knowledge of it to
// the node, over a connection on which neither knows the other: the MACs cover
// what the two ends of this very connection have in common.
func (c *Client) exchange(ctx context.Context, body []byte) (*wire.JoinAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := c.cfg.Dial(ctx, "tcp", c.address(&c.next))
	if err != nil {
		return nil, err
	}
	// Not verified by certificate: the answer's MAC does that.
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	binding, err := wire.Binding(conn.ConnectionState())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://control"+wire.PathJoin, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.HeaderMAC, wire.RequestMAC(c.cfg.Secret, binding, body))
	req.Close = true
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, answerError(resp.StatusCode, doc)
	}
	if !wire.Equal(resp.Header.Get(wire.HeaderMAC), wire.AnswerMAC(c.cfg.Secret, binding, body, doc)) {
		return nil, errors.New("what answers at control's address does not know the cluster secret")
	}
	answer := &wire.JoinAnswer{}
	return answer, json.Unmarshal(doc, answer)
}
