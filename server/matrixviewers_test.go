package server_test

import (
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

func everybody(viewerCase) outcome { return ok }

func people(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if !v.person() {
			return signIn
		}
		return o
	}
}

// staffOwn is for routes of staff about an object of one provider; foreign is what staff of another provider get.
func staffOwn(own, foreign outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
			return signIn
		case v.kind == identity.CustomerUser:
			return denied
		case v.own:
			return own
		}
		return foreign
	}
}

// granted is for routes about the asset that need one permission.
func granted(p asset.Permission) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
			return signIn
		case v.may.Has(p) && v.may != 0:
			return ok
		case v.may != 0:
			return denied
		}
		return hidden
	}
}

// onRequest is for routes about the fault: it is there for those with the fault grant and for nobody else.
func onRequest(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
			return signIn
		case v.may.Has(asset.Faults):
			return o
		}
		return hidden
	}
}

// managers is for routes that dispatchers and administrators have about an object of one provider.
func managers(own, foreign outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if v.kind == identity.Staff && v.role == identity.Technician {
			return denied
		}
		return staffOwn(own, foreign)(v)
	}
}

// admins is for routes that only administrators have.
func admins(v viewerCase) outcome {
	switch {
	case !v.person():
		return signIn
	case v.role == identity.Admin:
		return ok
	}
	return denied
}

// doors is for routes of door controllers.
func doors(v viewerCase) outcome {
	if v.kind == identity.DoorController {
		return ok
	}
	return signIn
}

// onTag is for routes about the key fob of the test that need one right.
func onTag(right asset.TagRight, o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
			return signIn
		case v.tags.Has(right):
			return o
		case v.tags != 0:
			return denied
		}
		return hidden
	}
}

// onTags is for routes over all tags that the viewer may see; those who may see none are told so.
func onTags(v viewerCase) outcome {
	switch {
	case !v.person():
		return signIn
	case v.any.Has(asset.SeeTags):
		return ok
	}
	return denied
}

// overTags is like onTags for calls whose empty input may be refused for what it says.
func overTags(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if want := onTags(v); want != ok {
			return want
		}
		return o
	}
}

// onSightings is for the list of sightings: staff see those of their provider, Masters with the right to see tags those of them.
func onSightings(v viewerCase) outcome {
	if v.kind == identity.CustomerUser && v.role != identity.Master {
		return denied
	}
	return onTags(v)
}

// onNumber is for routes that find the key fob of the test by its number; to who sees other tags alone it does not exist.
func onNumber(right asset.TagRight, o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if onTags(v) != ok {
			return onTags(v)
		}
		return onTag(right, o)(v)
	}
}

// onScan is for routes that resolve the test's label.
func onScan(v viewerCase) outcome {
	if v.may != 0 {
		return ok
	}
	return uniform
}

func anyGrant(v viewerCase) outcome {
	switch {
	case !v.person():
		return signIn
	case v.may != 0:
		return ok
	}
	return hidden
}
