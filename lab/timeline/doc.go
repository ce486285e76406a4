// Package timeline is the lab's memory of what happened: short lines for a person, in the order in which they were
// added. The newest are held in memory, all of a bounded file that outlives the lab, however it ends.
//
// Services that know of something a person wants to see get a Hook and call it once what they tell is committed. Adding
// never fails and costs a write of one line; a timeline that cannot be written goes on in memory.
package timeline
