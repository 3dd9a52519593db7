package tagging

// Flag names a remark about a reading; its text is the message
// reading.flag.<flag>.
type Flag = string

// The flags of ParseComponent (standards.md 1.6).
const (
	FlagOwnCheckFailed   Flag = "own_check_failed"  // like one of our codes, but the check symbol is wrong
	FlagClassLevel       Flag = "class_level"       // names a type of thing, not one piece
	FlagUnmarkedGS1      Flag = "unmarked_gs1"      // looks like GS1, but nothing announces it
	FlagNotAnIdentifier  Flag = "not_an_identifier" // a payment, an address, a network…
	FlagSecret           Flag = "secret"            // must be neither stored nor logged
	FlagLinkOK           Flag = "il_ok"             // meets the rules of IEC 61406-1 for identification links
	FlagLinkLength       Flag = "il_length"         // over 255 characters (ILS-5)
	FlagLinkCharacters   Flag = "il_chars"          // characters outside the set of ILS-7
	FlagLinkCase         Flag = "il_case"           // scheme or host in upper case (ILS-8)
	FlagNoIdentifier     Flag = "di_no_key"         // an envelope of ISO/IEC 15434 without part or serial number
	FlagCheckDigit       Flag = "gs1_check_digit"   // GS1, but: the check digit is wrong
	FlagLength           Flag = "gs1_length"        // a value is too short or too long
	FlagCharacters       Flag = "gs1_charset"       // a value holds what it must not
	FlagUnknownAI        Flag = "gs1_unknown_ai"    // an application identifier that does not exist
	FlagDuplicate        Flag = "gs1_duplicate"     // the same one twice with different values
	FlagQualifierOrder   Flag = "gs1_qualifier_order"
	FlagQualifierInQuery Flag = "gs1_qualifier_in_query"
	FlagNoKey            Flag = "gs1_no_key" // only attributes
)

// The flags of ParseTag (standards.md 2.5).
const (
	FlagParityError  Flag = "parity_error"  // Wiegand bits in the wrong order or misread
	FlagInconsistent Flag = "inconsistent"  // the two numbers printed on a card disagree
	FlagWeak         Flag = "weak"          // a card number of 16 bits without facility
	FlagBCCOK        Flag = "bcc_ok"        // the check byte of a UID is right
	FlagChecksumOK   Flag = "checksum_ok"   // the check byte of a serial reader is right
	FlagTruncatedUID Flag = "truncated_uid" // three bytes of a longer UID (first byte 88)
	FlagRandomUID    Flag = "random_uid"    // new at each reading (first byte 08); stands as random_uid=<candidate>
	FlagHintIgnored  Flag = "hint_ignored"  // no reading is of the kind that the hint names
)

// Flags lists all flags, for those who need a text for each.
func Flags() []Flag {
	return []Flag{
		FlagOwnCheckFailed, FlagClassLevel, FlagUnmarkedGS1, FlagNotAnIdentifier, FlagSecret,
		FlagLinkOK, FlagLinkLength, FlagLinkCharacters, FlagLinkCase, FlagNoIdentifier,
		FlagCheckDigit, FlagLength, FlagCharacters, FlagUnknownAI, FlagDuplicate, FlagQualifierOrder, FlagQualifierInQuery, FlagNoKey,
		FlagParityError, FlagInconsistent, FlagWeak, FlagBCCOK, FlagChecksumOK, FlagTruncatedUID, FlagRandomUID, FlagHintIgnored,
	}
}
