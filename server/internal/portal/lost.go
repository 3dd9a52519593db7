package portal

import (
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/tagging"
)

// lostPage finds a lost tag in three ways: by its number in any form, by its holder, by the code on its card. What was found is
// blocked with one button; where several fit, one is chosen first, and nothing is guessed (standards.md 2.6).
type lostPage struct {
	Number, Hint, Holder string
	// Error, HolderError and PhotoError are message keys, each beside its field.
	Error, HolderError, PhotoError string
	Remarks                        []string // message keys: what is odd about the number
	Found                          []tagRow
	// How says how the tags were found: a [tagging.Decision], or "holder".
	How  string
	More bool // others fit, too
	Key  string
}

func (p *Portal) getLost(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	return p.views.lost.render(r, http.StatusOK, lostPage{})
}

func (p *Portal) postLost(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	page := lostPage{Number: strings.TrimSpace(r.FormValue("number")), Hint: r.FormValue("hint"), Holder: strings.TrimSpace(r.FormValue("holder"))}
	switch {
	case page.Number != "":
		return p.lostByNumber(r, page)
	case page.Holder != "":
		return p.lostByHolder(r, page)
	case r.FormValue("by") == "holder":
		page.HolderError = "portal.lost.holder_missing"
	default:
		page.Error = "portal.tag.number_missing"
	}
	return p.views.lost.render(r, http.StatusUnprocessableEntity, page)
}

func (p *Portal) lostByNumber(r *edge.Request, page lostPage) error {
	m, err := p.opt.Assets.MatchNumber(r.Context(), r.Viewer(), page.Number, page.Hint)
	if err != nil {
		return err
	}
	page.How, page.More, page.Remarks = string(m.Decision), m.More, remarks(m.Reading)
	if page.Found, err = p.names(r).tags(m.Tags); err != nil {
		return err
	}
	if len(page.Found) == 0 {
		page.Error = "portal.lost.none"
		return p.views.lost.render(r, http.StatusUnprocessableEntity, page)
	}
	return p.showFound(r, page)
}

func (p *Portal) lostByHolder(r *edge.Request, page lostPage) error {
	list, next, err := p.opt.Assets.FindTags(r.Context(), r.Viewer(), asset.TagFilter{Kind: asset.AccessTag, Holder: page.Holder}, "", pageRows)
	if err != nil {
		return err
	}
	page.How, page.More = "holder", next != ""
	if page.Found, err = p.names(r).tags(list); err != nil {
		return err
	}
	if len(page.Found) == 0 {
		page.HolderError = "portal.lost.holder_none"
		return p.views.lost.render(r, http.StatusUnprocessableEntity, page)
	}
	return p.showFound(r, page)
}

func (p *Portal) showFound(r *edge.Request, page lostPage) error {
	var err error
	if page.Key, err = p.formKey(); err != nil {
		return err
	}
	return p.views.lost.render(r, http.StatusOK, page)
}

// postLostPhoto reads the code on the card that came with the tag.
func (p *Portal) postLostPhoto(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	number, refused, err := p.numberInPhoto(r)
	if err != nil {
		return err
	}
	if refused != "" {
		return p.views.lost.render(r, http.StatusUnprocessableEntity, lostPage{PhotoError: refused})
	}
	return p.lostByNumber(r, lostPage{Number: number})
}

// numberInPhoto is what the first code in a photo says, one of ours before all others; refused is the message key for a photo that
// says nothing.
func (p *Portal) numberInPhoto(r *edge.Request) (number, refused string, err error) {
	form, err := r.Form()
	if err != nil {
		return "", "", err
	}
	files := chosenFiles(form)
	if len(files) == 0 {
		return "", "portal.scan.photo_missing", nil
	}
	shown, err := p.opt.Photos.Read(r.Context(), files[0])
	if key, ok := photoTrouble(err); ok {
		return "", key, nil
	}
	if err != nil {
		return "", "", err
	}
	for _, payload := range shown {
		if code, ok := tagging.ParseComponent(payload.Input(), p.own).Own(); ok {
			return code.Print(), "", nil
		}
	}
	return shown[0].Text, "", nil
}

// remarks are the message keys for what is odd about a number.
func remarks(reading tagging.Reading) []string { return flagTexts(reading.Flags) }

// flagTexts are the message keys for flags, without those that say that all is well.
func flagTexts(flags []tagging.Flag) []string {
	var keys []string
	for _, f := range flags {
		if f != tagging.FlagBCCOK && f != tagging.FlagChecksumOK && f != tagging.FlagLinkOK {
			keys = append(keys, flagText(f))
		}
	}
	return keys
}
